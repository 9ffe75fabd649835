const MARK = "made by switchback for";

/** First words of every rendered file: whose it is, and what writes it again. */
export const markOf = (deployTo: string, command: string) => `${MARK} ${deployTo}; ${command} writes it again`;

/** The tree that a file's text says it was rendered for. */
export const treeIn = (content: string): string | undefined => new RegExp(`${MARK} (.+?); `).exec(content)?.[1];

/** Whether a file's text says that it was rendered for this tree. */
export const isMarked = (content: string, deployTo: string) => content.includes(`${MARK} ${deployTo}; `);
