import { constants } from 'node:os'

/** Signals that end a program that does not handle them otherwise, and by which programs are usually stopped. */
const stopping = new Set(['TERM', 'INT', 'QUIT', 'KILL'].map((name) => signalNumber(name)))

const REAL_TIME = 34

/** Whether a signal asks a container to stop: one of the usual ones, or the one that its image names. As numbers or names. */
export function isStopSignal(signal: string, own: string | undefined): boolean {
  const number = signalNumber(signal)
  return number !== undefined && (stopping.has(number) || (own !== undefined && number === signalNumber(own)))
}

/** Of `15`, `TERM`, `SIGTERM`, `SIGRTMIN+3`. */
function signalNumber(signal: string): number | undefined {
  if (/^\d{1,3}$/.test(signal)) return Number(signal)
  const name = signal.toUpperCase().replace(/^SIG/, '')
  const [, offset] = /^RTMIN\+(\d{1,2})$/.exec(name) ?? []
  return offset === undefined
    ? (constants.signals as Readonly<Record<string, number>>)[`SIG${name}`]
    : REAL_TIME + Number(offset)
}
