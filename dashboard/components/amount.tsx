/** How numbers are written: three significant digits, and units that suit. */

export type Kind = 'count' | 'rate' | 'ms' | 'bytes' | 'percent' | 'whole'

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** The number and its unit; a dash for null. */
export function amount(value: number | null | undefined, kind: Kind): readonly [number: string, unit: string] {
  if (value === null || value === undefined || Number.isNaN(value)) return ['–', '']
  switch (kind) {
    case 'count':
      return scaled(value, 1000, ['', 'k', 'M', 'G'])
    case 'rate':
      return scaled(value, 1000, ['', 'k', 'M', 'G'])
    case 'bytes':
      return scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'])
    case 'ms':
      if (value < 1000) return [digits(value), 'ms']
      return value < 120_000 ? [digits(value / 1000), 's'] : [whole.format(value / 60_000), 'min']
    case 'percent':
      return [percent(value), '%']
    case 'whole':
      return [whole.format(value), '']
  }
}

/** As one text. */
export function amountText(value: number | null | undefined, kind: Kind): string {
  const [number, unit] = amount(value, kind)
  return unit === '' ? number : kind === 'percent' || /^[kMG]$/.test(unit) ? `${number}${unit}` : `${number} ${unit}`
}

/** A number with its unit in a weaker tone. */
export function Amount({ value, kind }: { readonly value: number | null | undefined; readonly kind: Kind }) {
  const [number, unit] = amount(value, kind)
  return (
    <span class="amount">
      {number}
      {unit !== '' && <span class={kind === 'percent' || /^[kMG]$/.test(unit) ? 'unit tight' : 'unit'}>{unit}</span>}
    </span>
  )
}

function scaled(value: number, base: number, units: readonly string[]): readonly [string, string] {
  let [scaledValue, step] = [value, 0]
  while (scaledValue >= (step === 0 && base === 1000 ? 10_000 : base) && step < units.length - 1) {
    scaledValue /= base
    step++
  }
  if (step === 0) return [Number.isInteger(value) || value >= 100 ? whole.format(value) : digits(value), units[0]!]
  return [digits(scaledValue), units[step]!]
}

/** Three significant digits, without an exponent. */
function digits(value: number): string {
  if (value === 0) return '0'
  if (value >= 100) return whole.format(value)
  if (value >= 10) return value.toFixed(1)
  return value >= 0.01 ? value.toFixed(2) : '< 0.01'
}

/** From a share. 100 % is only said of a whole. */
function percent(share: number): string {
  if (share === 1 || share === 0) return whole.format(share * 100)
  const value = share * 100
  if (value > 99.9) return (Math.floor(value * 100) / 100).toFixed(2)
  return value.toFixed(1)
}
