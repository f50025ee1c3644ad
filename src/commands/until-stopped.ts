import { constants } from 'node:os'

type Signal = keyof typeof constants.signals

/** The signals for a graceful stop. QUIT is the one that nginx uses. */
export const stopSignals: readonly Signal[] = ['SIGTERM', 'SIGINT', 'SIGQUIT']

/** Resolves at the first of the signals; a second one ends the process at once. */
export function untilStopped(onFirst: (signal: Signal) => void, signals = stopSignals): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false
    for (const signal of signals) {
      process.on(signal, () => {
        if (stopping) process.exit(128 + constants.signals[signal])
        stopping = true
        onFirst(signal)
        resolve()
      })
    }
  })
}
