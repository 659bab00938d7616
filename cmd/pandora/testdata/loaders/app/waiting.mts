const value: string = await Promise.resolve('waited');

export default class Waiting {
  async start(): Promise<void> { console.log(`> service ${value}`); }
}
