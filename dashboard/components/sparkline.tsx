/** A small line without axes. Values that are null are gaps. It says nothing to a screen reader: the number beside it does. */
export function Sparkline({
  values,
  width = 96,
  height = 24,
  max,
  tone = 'accent',
}: {
  readonly values: readonly (number | null)[]
  readonly width?: number
  readonly height?: number
  /** The value at the top; default: the largest. */
  readonly max?: number
  readonly tone?: 'accent' | 'bad' | 'plain'
}) {
  const top = Math.max(max ?? 0, ...(max === undefined ? values.map((value) => value ?? 0) : []), Number.MIN_VALUE)
  const step = values.length > 1 ? width / (values.length - 1) : 0
  const y = (value: number) => (height - 1.5 - (Math.min(value, top) / top) * (height - 3)).toFixed(1)
  let line = ''
  let isGap = true
  for (const [index, value] of values.entries()) {
    if (value === null) isGap = true
    else {
      line += `${isGap ? 'M' : 'L'}${(index * step).toFixed(1)} ${y(value)}`
      isGap = false
    }
  }
  const isWhole = values.length > 1 && !values.includes(null)
  return (
    <svg
      class={`sparkline ${tone}`}
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {isWhole && <path class="area" d={`${line}V${height}H0Z`} />}
      <path class="line" d={line} />
    </svg>
  )
}
