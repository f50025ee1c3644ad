import { getTestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Resolves once a condition holds that no event reports, such as a count in another process. Rejects when the test ends before, as by
 * its timeout: otherwise a condition that never holds would keep the process, and with it the whole run.
 *
 * @param interval between two looks, in ms: what is waited for needs the processor meanwhile
 */
export async function until(condition: () => boolean | Promise<boolean>, interval = 10): Promise<void> {
  // Behind a wait for a page, Playwright names the test that has opened it: that may be over.
  const { signal } = getTestContext() ?? {}
  const ending = signal?.aborted ? undefined : signal
  while (!(await condition())) {
    ending?.throwIfAborted()
    await pause(interval)
  }
}
