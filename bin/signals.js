// Loaded before everything else, and plain JavaScript like bin/limpet.js. During the start, signals must not have their
// default effect: USR1 opens Node's debugger, through which anyone on the machine can run code in this process, and HUP and
// QUIT kill the process. (Node's --disable-sigusr1 does not help: it also blocks the signal for our own handler.)

/** The commands that run until a signal stops them. Signals end all other commands as usual. */
const longRunning = ['run', 'demo']

const held = longRunning.includes(process.argv[2])
  ? ['SIGUSR1', 'SIGUSR2', 'SIGQUIT', 'SIGTERM', 'SIGINT', 'SIGHUP']
  : ['SIGUSR1']

for (const signal of held) holdUntilHandled(signal)
closeDebugger()
setImmediate(closeDebugger)

/** Holds the signal until the first listener for it is added, and then passes it on if it has arrived. */
function holdUntilHandled(signal) {
  let hasArrived = false
  const hold = () => {
    hasArrived = true
  }
  process.on(signal, hold)
  process.on('newListener', function handOver(event) {
    if (event !== signal) return
    process.off('newListener', handOver)
    // Only after the new listener is added: a signal without any listener has its default effect.
    process.nextTick(() => {
      process.off(signal, hold)
      if (hasArrived) process.emit(signal, signal)
    })
  })
}

/**
 * Closes a debugger that USR1 opened in the about 20 ms before the first line of the program runs. Node requests the debugger
 * in several ways, so it may open again in the first turn of the event loop.
 */
function closeDebugger() {
  const wanted = /--inspect(-brk|-wait)?(?![\w-])/.test([process.env.NODE_OPTIONS, ...process.execArgv].join(' '))
  const inspector = process.getBuiltinModule?.('node:inspector')
  if (!wanted && inspector?.url() !== undefined) inspector.close()
}
