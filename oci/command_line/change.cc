// SPDX-License-Identifier: Apache-2.0
#include "oci/command_line/change.h"

#include "base/text.h"
#include "oci/command_line/tables.h"

namespace aa::oci {
namespace {

// Builds the changed arguments: one slot per old token, and what is put in front of each.
class Editor {
public:
    Editor(Arguments arguments, std::vector<std::string>& storage)
        : tokens_(arguments.begin(), arguments.end()), storage_(storage), insert_at_(tokens_.size()) {}

    // Gives OPTION the value VALUE, in the spelling in which it was written.
    void set_value(const Option& option, std::string_view value) {
        if (option.value == value) return;
        const char* token = tokens_[option.value_token];
        const auto prefix = static_cast<std::size_t>(option.value.data() - token);
        tokens_[option.value_token] = keep(concat({std::string_view(token, prefix), value}));
    }

    // Takes OPTION away with its value; what stands before it in a cluster stays.
    void remove(const Option& option) {
        const char* token = tokens_[option.token];
        tokens_[option.value_token] = nullptr;
        tokens_[option.token] = option.letter_at > 1 ? keep(std::string(token, option.letter_at)) : nullptr;
    }

    // Adds TOKENS in front of the old token AT; one place per Editor.
    void insert(std::size_t at, std::initializer_list<const char*> tokens) {
        insert_at_ = at;
        inserted_.insert(inserted_.end(), tokens);
    }

    // TEXT as a token that lives as long as the storage.
    const char* keep(std::string text) {
        // On the heap, so that it stays where it is when the storage grows.
        text.reserve(sizeof(std::string) + 1);
        return storage_.emplace_back(std::move(text)).c_str();
    }

    [[nodiscard]] std::vector<const char*> finish() const {
        std::vector<const char*> result;
        result.reserve(tokens_.size() + inserted_.size());
        for (std::size_t i = 0; i <= tokens_.size(); ++i) {
            if (i == insert_at_) result.insert(result.end(), inserted_.begin(), inserted_.end());
            if (i < tokens_.size() && tokens_[i] != nullptr) result.push_back(tokens_[i]);
        }
        return result;
    }

private:
    std::vector<const char*> tokens_;
    std::vector<std::string>& storage_;
    std::vector<const char*> inserted_;
    std::size_t insert_at_;
};

// Makes VALUE the value of every option of MEANING; if there is none, puts one named NAME in front of the token AT.
// Two tokens: runc 1.2 takes the token behind `--name=value` for a value, too.
void set_option(Editor& editor, const CommandLine& line, Meaning meaning, const char* name, std::string_view value, std::size_t at) {
    bool found = false;
    for (const Option& option : line.options) {
        if (option.flag->meaning != meaning) continue;
        editor.set_value(option, value);
        found = true;
    }
    if (!found) editor.insert(at, {name, editor.keep(std::string(value))});
}

void drop_capabilities(Editor& editor, const CommandLine& line, CapabilitySet ceiling) {
    for (const Option& option : line.options) {
        if (option.flag->meaning != Meaning::cap) continue;
        const std::optional<unsigned> capability = capability_number(option.value);
        if (!capability || !ceiling.has(*capability)) editor.remove(option);
    }
}

// runc and crun look at nothing but the file once there is a --process (exec.go getProcess, crun exec.c).
void change_exec(Editor& editor, const CommandLine& line, const ArgumentChanges& changes) {
    const std::size_t at = line.options_end;
    if (changes.process_file) set_option(editor, line, Meaning::process_file, "--process", *changes.process_file, at);
    if (changes.process_file || line.process_file) return;
    if (changes.apparmor) set_option(editor, line, Meaning::apparmor, "--apparmor", *changes.apparmor, at);
    if (changes.set_no_new_privs && !line.no_new_privs.value_or(false)) editor.insert(at, {"--no-new-privs"});
    if (changes.ceiling) drop_capabilities(editor, line, *changes.ceiling);
}

}  // namespace

std::vector<const char*> change_arguments(const CommandLine& line, const ArgumentChanges& changes, std::vector<std::string>& storage) {
    Editor editor(line.arguments, storage);
    if (line.command == Command::exec) change_exec(editor, line, changes);
    if (line.command == Command::restore && changes.lsm_profile) {
        set_option(editor, line, Meaning::lsm_profile, "--lsm-profile", *changes.lsm_profile, line.options_from);
    }
    if (line.command == Command::update && changes.resources) {
        set_option(editor, line, Meaning::resources_file, "--resources", *changes.resources, line.options_from);
    }
    return editor.finish();
}

}  // namespace aa::oci
