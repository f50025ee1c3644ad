import { isSamePlace } from '../../runtime/same-place.ts'
import type { Listener, ListeningPlace, PortPlace } from '../../runtime/snapshot.ts'

/**
 * Listeners as the next configuration has them, where port 0 stays the port that it was found to be.
 *
 * @param before those of the configuration in effect
 * @param real the same, with real ports in place of 0
 */
export function withRealPorts(
  next: readonly Listener[],
  before: readonly ListeningPlace[],
  real: readonly ListeningPlace[],
): readonly Listener[] {
  const left = before.map((written, index) => ({ written, real: real[index]! }))
  return next.map((listener) => {
    const index = left.findIndex(({ written }) => isSamePlace(written, listener))
    if (index < 0 || 'path' in listener) return listener
    const [found] = left.splice(index, 1)
    return { ...listener, port: (found!.real as PortPlace).port }
  })
}
