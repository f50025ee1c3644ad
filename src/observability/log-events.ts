import { certificates } from './log-events/certificates.ts'
import { clients } from './log-events/clients.ts'
import { configuration } from './log-events/configuration.ts'
import { drains } from './log-events/drains.ts'
import { keys } from './log-events/keys.ts'
import type { LogLevel } from './log-events/log-chapter.ts'
import type { LogFields } from './log-events/log-field.ts'
import { outputs } from './log-events/outputs.ts'
import { running } from './log-events/running.ts'
import { servers } from './log-events/servers.ts'
import { sources } from './log-events/sources.ts'
import { state } from './log-events/state.ts'

/** All events of the program's log, in the order of docs/events.md. Names are stable: alerts use them. */
export const logChapters = {
  running,
  configuration,
  servers,
  sources,
  drains,
  clients,
  keys,
  certificates,
  state,
  outputs,
} as const

type Chapters = typeof logChapters
type Events = UnionToIntersection<Chapters[keyof Chapters]['events']>
type UnionToIntersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never

/** The name of an event. */
export type LogEventName = keyof Events

/** An event of that level, with its fields. */
export type LogEvent<Level extends LogLevel = LogLevel> = {
  [Name in LogEventName]: Events[Name] extends {
    level: Level
    fields: readonly (infer Field extends keyof LogFields)[]
  }
    ? { readonly event: Name } & Pick<LogFields, Field>
    : never
}[LogEventName]
