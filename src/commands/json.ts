/** Prints a value as `--json` shows it. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, undefined, 2))
}
