import { constants } from 'node:os'

const signals = ['SIGTERM', 'SIGINT'] as const

/** Resolves at the first TERM or INT; a second one ends the process at once. */
export function untilStopped(onFirst: (signal: string) => void): Promise<void> {
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
