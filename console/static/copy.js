// <button data-copy="ID" hidden>: copies the text of that element, or its value. Without a clipboard it stays hidden.

for (const button of navigator.clipboard ? document.querySelectorAll("button[data-copy]") : []) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.innerText);
    document.getElementById("said").textContent = button.textContent + " ✓";
    button.classList.add("is-done");
  });
}
