import type { Filter } from '../config/filter.ts'
import type { RouteLog } from '../runtime/snapshot.ts'

/**
 * How the requests of a route are logged, by all of its filters `log`: lists add up, and the last sample counts.
 *
 * @returns undefined if none says anything
 */
export function compileLog(filters: readonly Filter[]): RouteLog | undefined {
  const logs = filters.filter((filter) => filter.type === 'log')
  if (logs.length === 0) return undefined
  const all = <Key extends 'add' | 'remove' | 'headers' | 'redact' | 'redactHeaders'>(key: Key) => [
    ...new Set(logs.flatMap((log): readonly unknown[] => log[key] ?? [])),
  ]
  const sample = logs.findLast((log) => log.sample !== undefined)?.sample ?? 100
  return {
    share: sample / 100,
    add: all('add') as RouteLog['add'],
    remove: all('remove') as RouteLog['remove'],
    headers: all('headers') as string[],
    redact: all('redact') as string[],
    redactHeaders: all('redactHeaders') as string[],
  }
}
