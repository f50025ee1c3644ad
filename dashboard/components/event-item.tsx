import type { Happening } from '../state/happening.ts'
import { timeOfDay } from './when.tsx'

/** One line of an event list. */
export function EventItem({ at, tone, text }: Happening) {
  return (
    <li class={tone}>
      <time dateTime={at} title={new Date(at).toLocaleString()}>
        {timeOfDay(at)}
      </time>
      <span class="dot" aria-hidden="true" />
      <p>{text}</p>
    </li>
  )
}
