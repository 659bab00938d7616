import { controller, get, provide } from 'midway';

@provide()
@controller('/')
export class HomeController {
  @get('/')
  async index(ctx) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    ctx.body = `${process.pid} midway ${process.env.NODE_ENV}\n`;
  }
}
