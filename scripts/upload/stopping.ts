const atWork = new Set<AbortController>();

const stopAll = () => {
  for (const controller of atWork) controller.abort();
};

/** Does work that INT and TERM, given to this process, abort; several at once, as for several hosts, share one handler. */
export async function stoppable<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  if (atWork.size === 0) process.on("SIGINT", stopAll).on("SIGTERM", stopAll);
  atWork.add(controller);
  try {
    return await work(controller.signal);
  } finally {
    atWork.delete(controller);
    if (atWork.size === 0) process.off("SIGINT", stopAll).off("SIGTERM", stopAll);
  }
}
