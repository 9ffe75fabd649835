export interface Interrupt {
  isInterrupted: () => boolean;
  /** Ctrl-C does what it did before. */
  end: () => void;
}

/**
 * From here on Ctrl-C is remembered: what is at work is asked to stop by whoever does it, and nothing more is begun. A lost terminal
 * (HUP) stops nothing: it would leave some hosts with the one release, and some with the other.
 */
export function holdInterrupt(): Interrupt {
  let isPressed = false;
  const press = () => void (isPressed = true);
  const ignore = () => {};
  process.on("SIGINT", press).on("SIGTERM", press).on("SIGHUP", ignore);
  return {
    isInterrupted: () => isPressed,
    end: () => void process.off("SIGINT", press).off("SIGTERM", press).off("SIGHUP", ignore),
  };
}
