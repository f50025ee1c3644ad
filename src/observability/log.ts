import type { LogEvent } from './log-events.ts'

/** The program's own log. Each line has its message for people, and its event (log-events.ts) for programs. */
export interface Log {
  info(message: string, event: LogEvent<'info'>): void
  warn(message: string, event: LogEvent<'warn'>): void
  error(message: string, event: LogEvent<'error'>): void
}

/** Where warnings go: a log, or wherever a command writes them. */
export type Warn = Log['warn']
