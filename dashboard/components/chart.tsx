import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import 'uplot/dist/uPlot.min.css'
import uPlot from 'uplot'
import { colourOf, colours } from '../state/theme.ts'
import { Amount, amountText, type Kind } from './amount.tsx'
import { timeOfDay } from './when.tsx'

export interface ChartSeries {
  readonly label: string
  readonly colour: `--${string}`
  readonly values: readonly (number | null)[]
  /** Whether the area below is filled. */
  readonly isFilled?: boolean
}

interface ChartProps {
  /** What it shows, for those who cannot see it. */
  readonly label: string
  /** In ms since 1970, ascending. */
  readonly times: readonly number[]
  readonly series: readonly ChartSeries[]
  readonly kind: Kind
  readonly height?: number
  /** Charts of the same group share their cursor. */
  readonly group?: string
  /** How long the axis is, in ms; the newest time is at its end. */
  readonly span: number
  /** The top of the axis if no value is higher. */
  readonly atLeast?: number
}

/** Lines over time. The legend has the values at the cursor, or the newest ones. */
export function Chart(props: ChartProps) {
  const holder = useRef<HTMLDivElement>(null)
  const drawn = useRef<uPlot>(undefined)
  const latest = useRef(props)
  latest.current = props
  const cursor = useSignal<number | undefined>(undefined)
  const { times, series, label, height = 172 } = props
  const names = series.map(({ label: name }) => name).join('\n')
  const theme = colours.value

  // It is built again when these change, and only then.
  useEffect(() => {
    const element = holder.current!
    const options = optionsOf(latest, element.clientWidth, height, (index) => {
      cursor.value = index
    })
    const plot = new uPlot(options, dataOf(latest.current), element)
    drawn.current = plot
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height })
    })
    resized.observe(element)
    return () => {
      resized.disconnect()
      plot.destroy()
    }
  }, [names, theme, height])

  // New values come as new arrays.
  useEffect(() => drawn.current?.setData(dataOf(props)), [times, series])

  const newest = series.map(({ label: name, values }) => `${name} ${amountText(values.at(-1), props.kind)}`)
  return (
    <figure class="chart">
      <Legend {...props} index={cursor.value} />
      <div ref={holder} class="plot" role="img" aria-label={`${label}: ${newest.join(', ')}`} />
    </figure>
  )
}

function Legend({ series, times, kind, index }: ChartProps & { readonly index: number | undefined }) {
  const at = index === undefined ? undefined : times[index]
  return (
    <figcaption aria-hidden="true">
      {series.map(({ label, colour, values }) => (
        <span key={label} class="entry">
          <i style={{ background: `var(${colour})` }} />
          {label} <Amount value={values.at(index ?? -1)} kind={kind} />
        </span>
      ))}
      {at !== undefined && <time>{timeOfDay(at)}</time>}
    </figcaption>
  )
}

function dataOf({ times, series }: ChartProps): uPlot.AlignedData {
  return [times.map((time) => time / 1000), ...series.map(({ values }) => [...values])]
}

function optionsOf(
  latest: { readonly current: ChartProps },
  width: number,
  height: number,
  pointed: (index: number | undefined) => void,
): uPlot.Options {
  const { series, kind, group } = latest.current
  const [line, text] = [colourOf('--line'), colourOf('--text-3')]
  const font = '11px Geist Variable, system-ui, sans-serif'
  const axis = { stroke: text, font, ticks: { show: false } }
  return {
    width,
    height,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    hooks: { setCursor: [({ cursor }) => pointed(cursor.idx ?? undefined)] },
    cursor: {
      y: false,
      points: { size: 6 },
      ...(group !== undefined && { sync: { key: group } }),
    },
    scales: {
      x: {
        range: () => {
          const { times, span } = latest.current
          const end = (times.at(-1) ?? Date.now()) / 1000
          return [end - span / 1000, end]
        },
      },
      y: {
        range: (_plot, _min, max) => [0, Math.max(latest.current.atLeast ?? 0, (max ?? 0) * 1.15, Number.MIN_VALUE)],
      },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        incrs: [5, 10, 15, 30, 60, 120, 300],
        space: 56,
        size: 24,
        gap: 6,
        values: (_, ticks) => ticks.map(minute),
      },
      {
        ...axis,
        grid: { stroke: line, width: 1 },
        space: 36,
        size: 46,
        gap: 6,
        ...(kind === 'count' || kind === 'rate' ? { incrs: wholeSteps } : {}),
        values: (_, ticks) => ticks.map((tick) => amountText(tick, kind).replace(/\.0+(?=\D|$)/, '')),
      },
    ],
    series: [
      {},
      ...series.map(({ label, colour, isFilled }) => ({
        label,
        stroke: colourOf(colour),
        width: 1.5,
        points: { show: false },
        ...(isFilled && { fill: fillOf(colourOf(colour)) }),
      })),
    ],
  }
}

function fillOf(colour: string) {
  return (plot: uPlot) => {
    const gradient = plot.ctx.createLinearGradient(0, plot.bbox.top, 0, plot.bbox.top + plot.bbox.height)
    gradient.addColorStop(0, `color-mix(in srgb, ${colour} 24%, transparent)`)
    gradient.addColorStop(1, `color-mix(in srgb, ${colour} 2%, transparent)`)
    return gradient
  }
}

/** Of an axis of things that cannot be halved. */
const wholeSteps = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat()

const hours = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const seconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const minute = (at: number) => (at % 60 === 0 ? hours : seconds).format(at * 1000)
