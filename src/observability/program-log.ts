import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

/** The program's own log, on standard error: lines for people, or JSON where the access log is JSON too. */
export function programLog(format: 'text' | 'json'): Logger {
  if (format === 'json') return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2))
  const stream = pretty({
    destination: 2,
    sync: true,
    colorize: process.stderr.isTTY === true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss o',
    ignore: 'pid,hostname',
  })
  return pino({ base: null }, stream)
}
