import { pause } from './pause.ts'
import type { Provider } from './provider.ts'

export interface Follower<Found> {
  /** All that the source sees now. */
  found(found: Found): void
  /** It cannot be reached or understood; it will be tried again. */
  failed(reason: string): void
}

/** How long to wait before a source that fails is tried again: the first time, and at most, in ms. */
const FIRST_WAIT = 1000
const LONGEST_WAIT = 30_000

/** Follows a source until the signal is aborted. Where it fails, it is tried again: later each time, or once it says that it has changed. */
export async function follow<Found>(provider: Provider<Found>, follower: Follower<Found>, signal: AbortSignal) {
  let wait = FIRST_WAIT
  while (!signal.aborted) {
    try {
      for await (const found of provider.watch(signal)) {
        wait = FIRST_WAIT
        follower.found(found)
      }
      if (!signal.aborted) follower.failed('it has ended')
    } catch (error) {
      if (signal.aborted) return
      follower.failed((error as Error).message)
    }
    await nextTry(provider, wait, signal)
    wait = Math.min(2 * wait, LONGEST_WAIT)
  }
}

async function nextTry(provider: Provider<unknown>, wait: number, signal: AbortSignal): Promise<void> {
  const enough = new AbortController()
  const either = AbortSignal.any([signal, enough.signal])
  const ends = [pause(wait, either).catch(() => {}), ...(provider.changed ? [provider.changed(either)] : [])]
  await Promise.race(ends)
  enough.abort()
}
