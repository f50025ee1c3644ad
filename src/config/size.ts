import { InvalidValue } from './error.ts'

/** From large to small: a size is written in the first unit that divides it. */
const units = {
  TiB: 1024 ** 4,
  TB: 1000 ** 4,
  GiB: 1024 ** 3,
  GB: 1000 ** 3,
  MiB: 1024 ** 2,
  MB: 1000 ** 2,
  KiB: 1024,
  kB: 1000,
  B: 1,
} as const

/** The notation of a size: `512B`, `32kB` (1000 bytes each), `64KiB` (1024 bytes each), `unlimited` or `0`. */
export const sizePattern = /^(?:unlimited|0|(?<amount>\d+)(?<unit>B|[kMGT]B|[KMGT]iB))$/

/** A size in bytes, 0 for `unlimited`. Throws InvalidValue for anything else, including a number without a unit. */
export function parseSize(written: string | number): number {
  const match = sizePattern.exec(String(written))
  if (!match) throw new InvalidValue('a size such as 512B, 32kB, 64KiB or 10MB, or unlimited', hintFor(String(written)))
  const { amount = '0', unit = 'B' } = match.groups ?? {}
  const size = Number(amount) * units[unit as keyof typeof units]
  if (!Number.isSafeInteger(size)) throw new InvalidValue('a size below 8192TiB, or unlimited')
  return size
}

/** Writes bytes in the largest unit that divides them: 32000 is `32kB`, 65536 is `64KiB`, 0 is `unlimited`. */
export function formatSize(size: number): string {
  if (size === 0) return 'unlimited'
  const [unit, bytes] = Object.entries(units).find(([, bytes]) => size % bytes === 0) ?? ['B', 1]
  return `${size / bytes}${unit}`
}

/** The hint for a bare number, for nginx's `32k`, and for a unit in the wrong case or after a space. */
function hintFor(written: string): string | undefined {
  const [, amount, letters] = /^(\d+)\s*([a-z]*)$/i.exec(written) ?? []
  if (amount === undefined || letters === undefined) return undefined
  const asNginx = /^[kmgt]$/i.test(letters) ? `${letters.toUpperCase()}iB` : letters || 'B'
  const unit = Object.keys(units).find((name) => name.toLowerCase() === asNginx.toLowerCase())
  return unit && `write ${amount}${unit}`
}
