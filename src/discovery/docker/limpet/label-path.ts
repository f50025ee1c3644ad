import type { KeyPath } from '../../../config/key-path.ts'

const MOST_STEPS = 16
const MOST_ITEMS = 100

/** The path of `health.check.path`, `outlier.statuses[0]`; undefined if it is none. */
export function labelPath(text: string): KeyPath | undefined {
  const path: PropertyKey[] = []
  for (const part of text.split('.')) {
    const [, key = '', indexes = ''] = /^([^[\]]+)((?:\[\d{1,3}\])*)$/.exec(part) ?? []
    if (key === '' || key === '__proto__') return undefined
    // `filters.0.path` is `filters[0].path`, as labels of others have lists.
    if (path.at(-1) === 'filters' && /^\d{1,3}$/.test(part)) path.push(Number(part))
    else path.push(key, ...(indexes.match(/\d+/g) ?? []).map(Number))
  }
  const isSmall =
    path.length <= MOST_STEPS && path.every((step) => typeof step === 'string' || Number(step) < MOST_ITEMS)
  return isSmall ? path : undefined
}

/** Whether one of the paths leads to the other, or to something in it. */
export function areRelated(one: KeyPath, other: KeyPath): boolean {
  const shorter = Math.min(one.length, other.length)
  return one.slice(0, shorter).every((step, index) => step === other[index])
}
