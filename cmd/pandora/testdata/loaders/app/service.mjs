await null;

export default class Service {
  constructor({ serviceName }) { this.name = serviceName; }

  async start() { console.log(`> service ${this.name}`); }
}
