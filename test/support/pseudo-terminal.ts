import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'

/** Control sequences: of one parameter list and a letter (ECMA-48, 5.4). */
const ESCAPE = '\u001B'
const SEQUENCE = new RegExp(`${ESCAPE}\\[([?\\d;]*)([A-Za-z])`, 'y')

/** A program on a real pseudo-terminal of the system, and what its screen shows. Needs script(1) and stty(1). */
export class PseudoTerminal {
  readonly #child
  readonly #device: Promise<string>
  readonly exit: Promise<number>
  #all = ''
  #unread = ''
  #lines: string[] = []
  #row = 0
  #column = 0
  #heard = Promise.withResolvers<void>()

  /** @param command for the shell */
  constructor(t: TestContext, command: string, columns: number, rows: number, env: NodeJS.ProcessEnv) {
    const shell = `tty; stty rows ${rows} cols ${columns}; ${command}`
    this.#child = spawn('script', ['-qfec', shell, '/dev/null'], { env: { TERM: 'xterm-256color', ...env } })
    this.exit = once(this.#child, 'exit').then(([code]) => code as number)
    t.after(async () => {
      this.#child.kill('SIGKILL')
      await this.exit
    })
    const device = Promise.withResolvers<string>()
    this.#device = device.promise
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#all += text
      const [name] = /\/dev\/pts\/\d+/.exec(this.#all) ?? []
      if (name !== undefined) device.resolve(name)
      this.#write(text)
      this.#heard.resolve()
      this.#heard = Promise.withResolvers()
    })
  }

  /** Everything that was written to it, with ␛ for the escape character. */
  get written(): string {
    return this.#all.replaceAll(ESCAPE, '␛')
  }

  /** The text on the screen, without colours. */
  get screen(): string {
    return this.#lines.map((line) => line.trimEnd()).join('\n')
  }

  /** Resolves once the screen shows that. */
  async shows(expected: RegExp, within = 30_000): Promise<void> {
    const end = Date.now() + within
    while (!expected.test(this.screen)) {
      const left = end - Date.now()
      if (left <= 0) throw new Error(`the screen does not show ${expected}, but\n${this.screen}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, left)
      await Promise.race([this.#heard.promise, promise])
      clearTimeout(timer)
    }
  }

  /** Resolves once more has been written. */
  changes(): Promise<void> {
    return this.#heard.promise
  }

  press(keys: string): void {
    this.#child.stdin.write(keys)
  }

  async resize(columns: number, rows: number): Promise<void> {
    execFileSync('stty', ['-F', await this.#device, 'rows', String(rows), 'cols', String(columns)])
  }

  /** What stty says of its settings. */
  async settings(): Promise<string> {
    return execFileSync('stty', ['-F', await this.#device, '-a'], { encoding: 'utf8' })
  }

  #write(text: string): void {
    let rest = this.#unread + text
    for (let at = 0; ; ) {
      const start = rest.indexOf(ESCAPE, at)
      this.#print(rest.slice(at, start < 0 ? undefined : start))
      if (start < 0) {
        rest = ''
        break
      }
      SEQUENCE.lastIndex = start
      const found = SEQUENCE.exec(rest)
      // The rest of the sequence has not arrived yet.
      if (found === null) {
        rest = rest.slice(start)
        break
      }
      this.#control(found[1]!, found[2]!)
      at = SEQUENCE.lastIndex
    }
    this.#unread = rest
  }

  #control(parameters: string, letter: string): void {
    const [first = 1, second = 1] = parameters.split(';').map((each) => Number(each) || 1)
    if (letter === 'H') [this.#row, this.#column] = [first - 1, second - 1]
    if (letter === 'K') this.#put(this.#line.slice(0, this.#column))
    if (letter === 'J') this.#lines = []
  }

  #print(text: string): void {
    for (const character of text) {
      if (character === '\n') this.#row++
      else if (character === '\r') this.#column = 0
      else {
        const line = this.#line.padEnd(this.#column)
        this.#put(line.slice(0, this.#column) + character + line.slice(this.#column + 1))
        this.#column++
      }
    }
  }

  get #line(): string {
    return this.#lines[this.#row] ?? ''
  }

  #put(line: string): void {
    while (this.#lines.length <= this.#row) this.#lines.push('')
    this.#lines[this.#row] = line
  }
}
