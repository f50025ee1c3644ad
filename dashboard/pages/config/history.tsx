import { Empty, Waiting } from '../../components/empty.tsx'
import { Panel } from '../../components/panel.tsx'
import { Ago } from '../../components/when.tsx'
import type { Apply } from '../../state/api.ts'
import { applies } from './state.ts'

/** The last configurations that were put into effect, newest first. */
export function History() {
  const known = applies.data.value?.applies
  return (
    <Panel title="History" flush>
      {known === undefined ? (
        <Waiting error={applies.error.value} />
      ) : known.length === 0 ? (
        <Empty title="No change yet">Since the start, the configuration is the same.</Empty>
      ) : (
        <ol class="history">
          {known.map((apply) => (
            <Entry key={apply.generation} apply={apply} />
          ))}
        </ol>
      )}
    </Panel>
  )
}

function Entry({ apply: { generation, at, by, changes, diff } }: { readonly apply: Apply }) {
  return (
    <li>
      <p class="head">
        <strong>#{generation}</strong> <span class="by">{by ?? 'by itself, a signal or the file'}</span> <Ago at={at} />
      </p>
      {changes.length === 0 ? (
        <p class="faint">Nothing that can be told apart in words.</p>
      ) : (
        <ul>
          {changes.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      )}
      {diff === null ? (
        <p class="faint">The difference is too large to be shown.</p>
      ) : (
        diff !== '' && (
          <details>
            <summary>Difference</summary>
            <Diff text={diff} />
          </details>
        )
      )}
    </li>
  )
}

const looks: Readonly<Record<string, string>> = { '+': 'added', '-': 'removed', '@': 'hunk' }

function Diff({ text }: { readonly text: string }) {
  const lines = text
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(?:---|\+\+\+) /.test(line))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard.
    <section class="code diff" tabIndex={0} aria-label="Difference">
      {lines.map((line, index) => (
        <div key={index} class={`line ${looks[line[0] ?? ''] ?? ''}`}>
          <code>{line === '' ? ' ' : line}</code>
        </div>
      ))}
    </section>
  )
}
