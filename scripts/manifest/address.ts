/** The port of a socket's address; undefined for a path. */
export const portOfAddress = (listen: string): number | undefined => {
  const found = /^(?:.*:)?(\d+)$/.exec(listen)?.[1];
  return found === undefined ? undefined : Number(found);
};
