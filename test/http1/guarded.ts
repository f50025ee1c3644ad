import { ok } from 'node:assert/strict'

/** The same bytes, but reading before or beyond them throws instead of returning undefined. */
export function guarded(bytes: Buffer): Buffer {
  return new Proxy(bytes, {
    get(target, name) {
      if (typeof name === 'string' && /^-?\d+$/.test(name)) {
        ok(Number(name) >= 0 && Number(name) < target.length, `byte ${name} of ${target.length} was read`)
      }
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
