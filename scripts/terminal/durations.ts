/** `0.34 s`, `12 s`, `3 m 20 s`: how long something took. */
export function seconds(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)} m ${whole % 60} s`;
}

/** `41 s`, `1 m 0 s`, `2 h 5 m`, `3 d 4 h`: a clock that runs, in two units at most. */
export function clock(ms: number): string {
  const whole = Math.max(0, Math.round(ms / 1000));
  const [minutes, hours, days] = [Math.floor(whole / 60), Math.floor(whole / 3600), Math.floor(whole / 86_400)];
  if (minutes === 0) return `${whole} s`;
  if (hours === 0) return `${minutes} m ${whole % 60} s`;
  return days === 0 ? `${hours} h ${minutes % 60} m` : `${days} d ${hours % 24} h`;
}
