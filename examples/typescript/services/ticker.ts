import type { Tick } from '../roles';

interface Context {
  readonly config: { readonly everyMs: number };
  readonly logger: { info(text: string): void };
}

/** Says when a method is called. */
function announced(_target: object, name: string, descriptor: PropertyDescriptor): void {
  const method: () => unknown = descriptor.value;
  descriptor.value = function (this: unknown) {
    console.log(`ticker: ${name}`);
    return method.call(this);
  };
}

export class Ticker {
  #timer?: NodeJS.Timeout;
  #last: Tick = { count: 0, at: new Date(0) };

  constructor(private readonly context: Context) {}

  get last(): Tick {
    return this.#last;
  }

  @announced
  start(): void {
    const { everyMs } = this.context.config;
    this.#timer = setInterval(() => {
      this.#last = { count: this.#last.count + 1, at: new Date() };
    }, everyMs);
  }

  @announced
  stop(): void {
    clearInterval(this.#timer);
  }
}
