import type { ComponentChildren } from 'preact'
import type { Tone } from '../state/happening.ts'

/** A word in a colour. `dot`: with a dot before it, so that the colour is not all that tells states apart. */
export function Badge({
  tone = 'plain',
  dot = false,
  title,
  children,
}: {
  readonly tone?: Tone
  readonly dot?: boolean
  readonly title?: string
  readonly children: ComponentChildren
}) {
  return (
    <span class={`badge ${tone}`} title={title}>
      {dot && <span class="dot" aria-hidden="true" />}
      {children}
    </span>
  )
}
