/** Rounded to a hundredth, so that answers stay short. */
export function hundredths(value: number): number {
  return Math.round(value * 100) / 100
}
