// Loaded before everything else, and plain JavaScript like bin/limpet.js. A signal that comes during the start must not
// do what it does by default: USR1 opens Node's debugger, by which anyone on the machine can run code in this process,
// and HUP and QUIT kill it. (Node's --disable-sigusr1 is no way out: it blocks the signal, for our own handler too.)

/** The commands that go on until a signal ends them. The others are over soon, and signals end them as usual. */
const lasting = ['run', 'demo']

const taken = lasting.includes(process.argv[2])
  ? ['SIGUSR1', 'SIGUSR2', 'SIGQUIT', 'SIGTERM', 'SIGINT', 'SIGHUP']
  : ['SIGUSR1']

for (const signal of taken) keepUntilHandled(signal)
closeDebugger()
setImmediate(closeDebugger)

/** The first listener that is added for the signal takes over, and is told if the signal has come already. */
function keepUntilHandled(signal) {
  let hasCome = false
  const keep = () => {
    hasCome = true
  }
  process.on(signal, keep)
  process.on('newListener', function handOver(event) {
    if (event !== signal) return
    process.off('newListener', handOver)
    // Later, since a signal without any listener does what it does by default.
    process.nextTick(() => {
      process.off(signal, keep)
      if (hasCome) process.emit(signal, signal)
    })
  })
}

/**
 * Before the first line of a program runs, Node takes some 20 ms, in which USR1 still opens the debugger. Node asks for it in
 * more ways than one: what was closed at once may open again in the first turn of the event loop.
 */
function closeDebugger() {
  const wanted = /--inspect(-brk|-wait)?(?![\w-])/.test([process.env.NODE_OPTIONS, ...process.execArgv].join(' '))
  const inspector = process.getBuiltinModule?.('node:inspector')
  if (!wanted && inspector?.url() !== undefined) inspector.close()
}
