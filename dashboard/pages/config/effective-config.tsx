import { useComputed, useSignal } from '@preact/signals'
import { Button, SearchField } from '../../components/button.tsx'
import { Empty, Waiting } from '../../components/empty.tsx'
import { Panel } from '../../components/panel.tsx'
import { say } from '../../state/toasts.ts'
import { configText } from './state.ts'
import { YamlLine } from './yaml-line.tsx'

/** How many lines are shown at first. */
const SHOWN_AT_FIRST = 1500

export function EffectiveConfig() {
  const words = useSignal('')
  const showsAll = useSignal(false)
  const lines = useComputed(() => configText.data.value?.text.trimEnd().split('\n') ?? [])
  const found = useComputed(() => {
    const wanted = words.value.trim().toLowerCase()
    const numbered = lines.value.map((text, index) => ({ text, number: index + 1 }))
    return wanted === '' ? numbered : withParents(numbered, wanted)
  })
  const shown = showsAll.value ? found.value : found.value.slice(0, SHOWN_AT_FIRST)
  const hidden = found.value.length - shown.length
  return (
    <Panel
      title="Effective configuration"
      flush
      aside={
        <Button look="quiet" onClick={() => copy(lines.value.join('\n'))}>
          Copy
        </Button>
      }
    >
      <div class="filters">
        <SearchField label="Find in the configuration" value={words.value} onChange={(next) => (words.value = next)} />
      </div>
      {configText.data.value === undefined ? (
        <Waiting error={configText.error.value} />
      ) : shown.length === 0 ? (
        <Empty title="No such line" />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard.
        <section class="code" tabIndex={0} aria-label="Configuration as YAML">
          {shown.map(({ text, number }) => (
            <YamlLine key={number} text={text} number={number} />
          ))}
        </section>
      )}
      {hidden > 0 && (
        <p class="more">
          <Button onClick={() => (showsAll.value = true)}>Show {hidden} more lines</Button>
        </p>
      )}
    </Panel>
  )
}

interface Line {
  readonly text: string
  readonly number: number
}

/** The lines with that text in them, and the keys that they are under. */
function withParents(lines: readonly Line[], wanted: string): readonly Line[] {
  const found = new Set<Line>()
  const parents: { readonly line: Line; readonly depth: number }[] = []
  for (const line of lines) {
    const depth = line.text.search(/[^ -]|$/)
    while (parents.length > 0 && parents.at(-1)!.depth >= depth) parents.pop()
    parents.push({ line, depth })
    if (!line.text.toLowerCase().includes(wanted)) continue
    for (const { line: parent } of parents) found.add(parent)
  }
  return [...found]
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    say('Copied.')
  } catch {
    say('The browser does not allow it here.', 'warn')
  }
}
