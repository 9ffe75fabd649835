/** Times in ms. */
export interface Limits {
  /** From a connection's begin, or its last answer, until a request's head is there. */
  head: number;
  /** How long a connection may stay open with nothing asked. */
  idle: number;
  /** Longest time in which nothing of an answer is taken. */
  stalled: number;
  /** How long answers that are under way may take when it ends. */
  ending: number;
  connections: number;
  /** Bytes of a request's head. */
  headBytes: number;
}

export const LIMITS: Limits = {
  head: 5_000,
  idle: 15_000,
  stalled: 15_000,
  ending: 3_000,
  connections: 512,
  headBytes: 16_384,
};
