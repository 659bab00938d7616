import { Controller, Get } from '@midwayjs/core';

@Controller('/')
export class HomeController {
  @Get('/')
  async home(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    return `${process.pid} midway ${process.env.NODE_ENV}\n`;
  }
}
