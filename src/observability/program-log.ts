import { type Logger, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { printableLines } from '../runtime/printable.ts'
import type { Log } from './log.ts'
import type { LogEvent } from './log-events.ts'
import { LogFile } from './log-file.ts'
import { STANDARD_ERROR } from './outlet.ts'

/** The maximum of bytes that wait for the reader of standard error. */
const BACKLOG = 1024 * 1024

/** How lines are written: for people, or for programs. */
export type ProgramLogFormat = 'text' | 'json'

export interface ProgramLog {
  readonly log: Log
  /** See `LogFile.close`. */
  close(): Promise<void>
}

/** The program's own log, on standard error. */
export function programLog(format: ProgramLogFormat): ProgramLog {
  const file = new LogFile(STANDARD_ERROR, 'this log', (...trouble) => log.warn(...trouble), { backlog: BACKLOG })
  const write = (line: string) => file.append(Buffer.from(line))
  const logger = format === 'json' ? jsonLogger(write) : textLogger(write)
  const shown = format === 'json' ? (message: string) => message : printableLines
  const at = (level: 'info' | 'warn' | 'error') => (message: string, event: LogEvent) =>
    logger[level](event, shown(message))
  const log: Log = { info: at('info'), warn: at('warn'), error: at('error') }
  return { log, close: () => file.close() }
}

function jsonLogger(write: (line: string) => void): Logger {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write })
}

/** Lines have the time, the level, the message, and the stack of an error: the message says all that the fields do. */
function textLogger(write: (line: string) => void): Logger {
  const format = prettyFactory({
    colorize: process.stderr.isTTY === true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss o',
    include: 'level,time,err',
  })
  return pino({ base: null }, { write: (line: string) => write(format(line)) })
}
