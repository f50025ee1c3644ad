// As a whole: a test can put another clock in its place.
import timers from 'node:timers/promises'

/**
 * Waits for a while that is up to a fifth shorter or longer, so that several Limpets do not ask at the same moment.
 *
 * @throws the reason of the signal once it is aborted
 */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await timers.setTimeout(milliseconds * (0.8 + 0.4 * Math.random()), undefined, { signal })
}
