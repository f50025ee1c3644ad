import type { LogFields } from './log-field.ts'

export type LogLevel = 'info' | 'warn' | 'error'

/** What a line in the log is about. */
interface Definition {
  readonly level: LogLevel
  /** The fields that its lines have, in this order. */
  readonly fields: readonly (keyof LogFields)[]
  /** What has happened: a sentence. */
  readonly meaning: string
  /** What the operator should do: a sentence; empty if there is nothing to do. */
  readonly action: string
}

/** The events about one subject. */
export interface LogChapter {
  readonly title: string
  readonly events: Readonly<Record<string, Definition>>
}
