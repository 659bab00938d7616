export default class Service {
  private name: string;

  constructor(context: { serviceName: string }) { this.name = context.serviceName; }

  async start(): Promise<void> { console.log(`> service ${this.name}`); }
}
