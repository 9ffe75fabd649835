/** In the environment of every command that an operation starts: how recovery finds what outlived a kill. */
export const OPERATION_MARK = "SWITCHBACK_OPERATION";
