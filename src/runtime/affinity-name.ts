import type { Upstream } from './snapshot.ts'

/** The type of an upstream's affinity as it is written in the configuration; null if there is none. */
export function affinityName({ affinity }: Upstream): string | null {
  if (affinity === undefined) return null
  if (affinity.type === 'consistent-hash') return affinity.writtenAs ?? affinity.type
  return affinity.type === 'cookie' && affinity.of !== undefined ? 'shared-cookie' : affinity.type
}
