export enum Colour { Red = 'red' }
