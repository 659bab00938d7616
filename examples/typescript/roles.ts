/** The processes of this application. An enum is no type only: it has to be transformed, not just stripped. */
export enum Role {
  Web = 'web',
  Background = 'background',
}

export interface Tick {
  readonly count: number;
  readonly at: Date;
}
