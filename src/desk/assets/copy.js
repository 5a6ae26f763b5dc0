// Buttons that copy a text. They are hidden where scripts do not run.

// Marks of invisible characters are for the eye: the copy has the characters themselves.
export async function copy(button, copied = button.dataset.copied) {
  const source = document.getElementById(button.dataset.copy);
  const plain = source.cloneNode(true);
  for (const mark of plain.querySelectorAll(".invisible")) {
    mark.replaceWith(String.fromCodePoint(parseInt(mark.textContent.slice(2), 16)));
  }
  try {
    await navigator.clipboard.writeText(plain.textContent);
  } catch {
    // Without TLS, or without permission, the person copies what is selected.
    getSelection().selectAllChildren(source);
    return;
  }
  const label = button.textContent;
  button.textContent = copied;
  setTimeout(() => { button.textContent = label; }, 2000);
}

// Pages with a button that says what it says when it has copied load this file; others call `copy`.
for (const button of document.querySelectorAll("button[data-copied]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
