import { setTimeout as pause } from 'node:timers/promises'

/**
 * Resolves once a condition holds that no event reports, such as a count in another process.
 *
 * @param interval between two looks, in ms: what is waited for needs the processor meanwhile
 */
export async function until(condition: () => boolean | Promise<boolean>, interval = 10): Promise<void> {
  while (!(await condition())) await pause(interval)
}
