import { type Logger, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { LogFile } from './log-file.ts'
import { STANDARD_ERROR } from './outlet.ts'

/** The maximum of bytes that wait for the reader of standard error. */
const BACKLOG = 1024 * 1024

export interface ProgramLog {
  readonly log: Logger
  /** See `LogFile.close`. */
  close(): Promise<void>
}

/** The program's own log, on standard error: lines for people, or JSON where the access log is JSON too. */
export function programLog(format: 'text' | 'json'): ProgramLog {
  const file = new LogFile(STANDARD_ERROR, 'this log', (trouble) => log.warn(trouble), { backlog: BACKLOG })
  const write = (line: string) => file.append(Buffer.from(line))
  const log =
    format === 'json' ? pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write }) : textLog(write)
  return { log, close: () => file.close() }
}

function textLog(write: (line: string) => void): Logger {
  const format = prettyFactory({
    colorize: process.stderr.isTTY === true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss o',
    ignore: 'pid,hostname',
  })
  return pino({ base: null }, { write: (line: string) => write(format(line)) })
}
