import type { ComponentChildren } from 'preact'
import { Amount, type Kind } from './amount.tsx'
import { Sparkline } from './sparkline.tsx'

/** One number that matters, and how it was. */
export function Stat({
  label,
  value,
  kind,
  past,
  tone = 'accent',
  note,
}: {
  readonly label: string
  readonly value: number | null | undefined
  readonly kind: Kind
  readonly past?: readonly (number | null)[]
  readonly tone?: 'accent' | 'bad' | 'plain'
  readonly note?: ComponentChildren
}) {
  return (
    <div class={`stat ${tone}`}>
      <dt>{label}</dt>
      <dd>
        <Amount value={value} kind={kind} />
      </dd>
      {note !== undefined && <dd class="note">{note}</dd>}
      {past !== undefined && <Sparkline values={past} width={120} height={32} tone={tone} />}
    </div>
  )
}
