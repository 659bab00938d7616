import type { Ticker } from './ticker';

interface Context {
  getDependency(name: 'ticker'): Ticker;
}

export default class Report {
  constructor(private readonly context: Context) {}

  start(): void {
    console.log(`report: the ticker is at ${this.context.getDependency('ticker').last.count satisfies number}`);
  }
}
