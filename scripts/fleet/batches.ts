/** How many hosts at a time: a count, or a part of them such as `50%`, rounded down; at least one. Default: 1. */
export function sizeOfBatch(serial: number | string | undefined, hosts: number): number {
  const wanted =
    typeof serial === "string" ? Math.floor((hosts * Number(serial.replace("%", ""))) / 100) : (serial ?? 1);
  return Math.max(1, Math.min(wanted, hosts));
}

/** In the order in which they stand, so many at a time. */
export function inBatches<T>(items: readonly T[], size: number): T[][] {
  return items.length === 0 ? [] : [items.slice(0, size), ...inBatches(items.slice(size), size)];
}

/** Does `work` for each item, at most `most` at the same time; the answers stand as the items do. */
export async function atOnce<T, R>(items: readonly T[], most: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const answers = Array<R>(items.length);
  const rest = [...items.entries()];
  const take = async () => {
    for (let next = rest.shift(); next; next = rest.shift()) answers[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, take));
  return answers;
}
