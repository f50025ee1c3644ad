import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

/** A part of a page, with a heading. */
export function Panel({
  title,
  aside,
  flush = false,
  children,
}: {
  readonly title: string
  /** What stands at the right of the heading. */
  readonly aside?: ComponentChildren
  /** Whether the content reaches the edges. */
  readonly flush?: boolean
  readonly children: ComponentChildren
}) {
  const id = useId()
  return (
    <section class={flush ? 'panel flush' : 'panel'} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div class="aside">{aside}</div>}
      </header>
      <div class="content">{children}</div>
    </section>
  )
}
