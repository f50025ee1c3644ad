import type { ListeningPlace } from './snapshot.ts'

/** Whether two listeners listen at the same place; their other settings may differ. */
export function isSamePlace(one: ListeningPlace, other: ListeningPlace): boolean {
  if ('path' in one) return 'path' in other && one.path === other.path
  return 'port' in other && one.port === other.port && one.address === other.address
}
