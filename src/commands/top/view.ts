import type { ServerArgument } from '../server-argument.ts'
import type { ServerAction } from './change.ts'
import type { Order } from './grid.ts'
import type { Tone } from './tone.ts'

export const PAGES = ['Overview', 'Upstreams', 'Servers', 'Events'] as const
export type Page = (typeof PAGES)[number]

/** What waits for the operator's keys. */
export type Prompt =
  | { readonly type: 'help' }
  | { readonly type: 'filter'; readonly text: string }
  | { readonly type: 'weight'; readonly text: string; readonly target: ServerArgument }
  | {
      readonly type: 'confirm'
      readonly target: ServerArgument
      readonly action: ServerAction
      /** What it would do; undefined until that is known. */
      readonly plan: readonly string[] | undefined
    }

/** What is shown, and how. */
export interface View {
  readonly page: Page
  readonly filter: string
  /** Only its servers are shown. */
  readonly upstream: string | undefined
  readonly orders: { readonly Upstreams: Order; readonly Servers: Order }
  /** The names of the marked rows, which stay marked wherever they are sorted to. */
  readonly selected: { readonly Upstreams: string | undefined; readonly Servers: string | undefined }
  /** How many of the newest events are scrolled past. */
  readonly scrolled: number
  readonly prompt: Prompt | undefined
  readonly notice: { readonly text: string; readonly tone: Tone } | undefined
}

/** As they are configured, until the operator sorts them. */
const AS_CONFIGURED = { column: '', isDescending: false }

export const firstView: View = {
  page: 'Overview',
  filter: '',
  upstream: undefined,
  orders: { Upstreams: AS_CONFIGURED, Servers: AS_CONFIGURED },
  selected: { Upstreams: undefined, Servers: undefined },
  scrolled: 0,
  prompt: undefined,
  notice: undefined,
}
