// The board's stream of messages, for as long as the page is open, whatever becomes of the server.

const AGAIN_MS = 2000;

/**
 * Hands every message to `take`, and to `refuse` why there is none.
 *
 * EventSource opens itself again after a broken connection, but gives up on an answer that is an
 * error (503 while the board catches up, 401 without a token) and does not tell which: then the
 * answer is asked for once more, to be read, before a new stream is opened.
 */
export function listen(address, take, refuse) {
  const stream = new EventSource(address);
  stream.onmessage = (event) => take(JSON.parse(event.data));
  stream.onerror = async () => {
    if (stream.readyState !== EventSource.CLOSED) return;
    refuse(await reason(address));
    setTimeout(() => listen(address, take, refuse), AGAIN_MS);
  };
}

async function reason(address) {
  const asking = new AbortController();
  try {
    const answer = await fetch(address, { signal: asking.signal, cache: "no-store" });
    if (answer.ok) return null;
    if (answer.status === 401 || answer.status === 403) {
      return "This wall needs a token: add token=… to its address.";
    }
    return (await answer.text()).trim() || `The board answers with ${answer.status}.`;
  } catch {
    return "No connection to the board.";
  } finally {
    asking.abort();
  }
}
